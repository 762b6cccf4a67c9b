"""Services at home: the board of visits, plans, catalogue, planned against done, settlement, ratings, the rounds."""
