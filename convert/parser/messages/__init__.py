"""What TensorRT's own texts mean: one row a message, from the parser's sources, the documentation and issue threads.

The first rows that match a piece of text win, so the particular come before the general: single operators before
values, those before what builder and runtime say of any network.
"""

from __future__ import annotations

from trtconv.parser.messages import engines, networks, operators, values
from trtconv.parser.messages.message import Message as Message

MESSAGES: tuple[Message, ...] = (*operators.MESSAGES, *values.MESSAGES, *networks.MESSAGES, *engines.MESSAGES)
