-- Whether somebody lives alone stands in the record, for the desk and for rules alike. What was written down with evidence
-- while the record said nothing goes there; where they differ, the record, which the desk has gone by, stays.
UPDATE resident r SET lives_alone = t.holds, version = version + 1
FROM resident_trait t
WHERE t.resident_id = r.id AND t.trait = 'lives_alone' AND t.valid_until IS NULL AND r.lives_alone IS NULL;
