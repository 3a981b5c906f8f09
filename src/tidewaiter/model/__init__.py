"""The nouns that all stages share: frozen values, no I/O, no third-party imports."""
