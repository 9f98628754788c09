"""The sweeps: forward, reverse, batch. They work on nodes and know no user, no engine, and no primitive by name."""
