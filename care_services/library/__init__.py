"""Standards, products and training in one place: documents read, device models in use, courses and their tests."""
