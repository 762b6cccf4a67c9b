-- No account's area holds synthetic homes: what a person may see is chosen by area, and so they are in no list of people.
ALTER TABLE account
    ADD CONSTRAINT account_of_people CHECK (NOT area_path <@ 'synthetic'::ltree);
