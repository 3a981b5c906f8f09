"""The agent: near the registries, it takes roles, lists, looks through images, and hands on inventories alone."""
