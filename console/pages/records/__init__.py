"""Records of the care network: lists, the tree of areas, one record with its history, forms, import and export."""
