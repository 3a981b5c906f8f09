"""tidewaiter: looks through container images for known vulnerabilities, inside the user's own network."""

__version__ = "0.1.0"
