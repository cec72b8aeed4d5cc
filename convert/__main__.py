"""`python -m trtconv`."""

from trtconv.cli import entry

entry()
