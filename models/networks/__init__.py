"""The networks themselves, as PyTorch modules: one family a module, each with a `build` that the catalogue calls."""
