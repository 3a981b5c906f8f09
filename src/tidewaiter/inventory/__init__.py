"""What software the files of an image say is installed."""
