"""Smaller files from converted ones: other precisions, without the original model."""
