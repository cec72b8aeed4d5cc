"""Evidence for each edit: its graphs before and after, cut out, run and judged."""
