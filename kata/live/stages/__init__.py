"""The proof, a file a part."""
