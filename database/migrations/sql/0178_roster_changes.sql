-- What people did to rosters, each as one step that can be taken back: a swap, a copied week, a leave.
CREATE TABLE roster_change (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL,
    organisation_id integer NOT NULL REFERENCES organisation ON DELETE CASCADE,
    account_id      integer REFERENCES account ON DELETE SET NULL,
    actor           text NOT NULL,                   -- the person's name at that time
    origin          text NOT NULL DEFAULT '',
    what            text NOT NULL,                   -- add, remove, away, extra, end, copy, swap, shift
    words_zh        text NOT NULL,
    words_en        text NOT NULL,
    rows            jsonb NOT NULL,                  -- care_network/rosters/desk.py: each row before and after
    undone_at       timestamptz,
    undone_by       text,
    CHECK ((undone_at IS NULL) = (undone_by IS NULL))
);
CREATE INDEX roster_change_organisation ON roster_change (organisation_id, id DESC);
