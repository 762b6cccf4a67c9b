-- The version of each device's own program, as the gateway that hears it told; no row: nobody told one.
CREATE TABLE device_firmware (
    device_id integer PRIMARY KEY REFERENCES device ON DELETE CASCADE,
    version   text NOT NULL,
    told_at   timestamptz NOT NULL DEFAULT now() -- when this version was first told
);
