"""Models: one a file; they see tensors and graph metadata only, never files or snapshots."""
