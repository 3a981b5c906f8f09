"""The broker client: one outbound connection, the rules of what may pass, and the credentials."""
