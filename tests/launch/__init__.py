"""Starting, refusing to start, and stopping with nothing left."""
