"""Pages of carers with a login: their own orders, residents, duty and place, on a telephone first."""
