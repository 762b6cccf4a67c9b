"""Pages of documents, products and courses: three in one."""
