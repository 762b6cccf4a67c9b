-- The devices of a month by the time that they were silent, a page at a time.

CREATE INDEX figure_device_page ON figure_device (month, silent_s, device_id);
