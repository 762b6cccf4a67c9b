"""Work orders: somebody is sent to the door, from the offer to the rating of the visit."""
