"""Pages of meals: menus, diets and orders, delivery rounds, settlement."""
