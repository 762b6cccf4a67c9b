"""The feed by which a district tells the city, and the city's database that follows all feeds."""
