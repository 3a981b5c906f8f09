"""The broker server: clients connect to it, and the platform asks it."""
