-- Lines of devices from before 0206 do not know since when they count: the next refresh, which is of all months, has them.

DELETE FROM figure_device WHERE since = '-infinity';
ALTER TABLE figure_device ALTER COLUMN since DROP DEFAULT;
