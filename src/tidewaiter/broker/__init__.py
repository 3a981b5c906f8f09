"""The brokered integration: registries in a network that accepts no connection, looked through from outside.

platform → server ⇐ (one outbound WebSocket) ⇐ client → agent → registries. What the agent found goes back the same way.
"""
