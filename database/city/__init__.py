"""What a district tells the city: the feed of each district, and the city's database that follows all feeds."""
