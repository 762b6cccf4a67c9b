"""Pages of quality control and complaints."""
