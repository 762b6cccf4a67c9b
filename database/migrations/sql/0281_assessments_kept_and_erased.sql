-- Level 0 of consciousness stands for stupor and for coma (GB/T 42195-2022); a coma alone decides at once.
ALTER TABLE assessment ADD COLUMN coma boolean;      -- of level 0 alone; NULL: not told apart
-- What was signed stays as it was read then: the level was called a coma on the form.
UPDATE assessment SET coma = true WHERE adjustments @> '[{"code": "coma"}]';

-- As before, with the coma among what a signature holds.
CREATE OR REPLACE FUNCTION keep_signed_assessment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'assessment % stays', OLD.id;
    END IF;
    IF OLD.state = 'draft' THEN
        IF NEW.state NOT IN ('draft', 'signed', 'discarded') THEN
            RAISE EXCEPTION 'assessment %: a draft is signed by a first assessor', OLD.id;
        END IF;
        RETURN NEW;
    END IF;
    IF NOT (OLD.state = NEW.state OR (OLD.state = 'signed' AND NEW.state IN ('in_force', 'objected')))
       OR (NEW.resident_id, NEW.reason, NEW.doubts_id, NEW.corrects_id, NEW.answers, NEW.coma, NEW.diagnosis,
           NEW.events, NEW.informant, NEW.note, NEW.begun_at, NEW.first_at, NEW.sums, NEW.total, NEW.preliminary,
           NEW.grade, NEW.adjustments, NEW.evidence)
          IS DISTINCT FROM
          (OLD.resident_id, OLD.reason, OLD.doubts_id, OLD.corrects_id, OLD.answers, OLD.coma, OLD.diagnosis,
           OLD.events, OLD.informant, OLD.note, OLD.begun_at, OLD.first_at, OLD.sums, OLD.total, OLD.preliminary,
           OLD.grade, OLD.adjustments, OLD.evidence)
       OR (OLD.state <> 'signed' AND (NEW.second_at, NEW.objection, NEW.due_on, NEW.due_why)
           IS DISTINCT FROM (OLD.second_at, OLD.objection, OLD.due_on, OLD.due_why))
    THEN
        RAISE EXCEPTION 'assessment % is signed and never changes', OLD.id;
    END IF;
    RETURN NEW;
END $$;

-- The one way past it is an erasure by law: erase_person alone, by its owner's rights and with two votes for this person
-- (being_erased, migration 0310), takes answers and health, and leaves the line: who signed when, which grade, until
-- when. A service that sets the same flag is refused, and nothing deletes a row.
CREATE FUNCTION erase_signed_assessment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'assessment % stays', OLD.id;
    END IF;
    IF being_erased(OLD.resident_id) THEN
        IF current_user <> (SELECT pg_get_userbyid(proowner) FROM pg_proc
                            WHERE oid = 'erase_person(bigint)'::regprocedure) THEN
            RAISE EXCEPTION 'assessment % is signed and never changes', OLD.id;
        END IF;
        IF (NEW.id, NEW.resident_id, NEW.reason, NEW.state, NEW.begun_at, NEW.first_at, NEW.first_by, NEW.second_at,
            NEW.second_by, NEW.grade, NEW.due_on, NEW.current)
           IS DISTINCT FROM
           (OLD.id, OLD.resident_id, OLD.reason, OLD.state, OLD.begun_at, OLD.first_at, OLD.first_by, OLD.second_at,
            OLD.second_by, OLD.grade, OLD.due_on, OLD.current) THEN
            RAISE EXCEPTION 'assessment %: an erasure takes the answers and leaves the line', OLD.id;
        END IF;
        NEW.coma := NULL;
        INSERT INTO assessment_event (assessment_id, at, action, actor_zh, actor_en)
        VALUES (OLD.id, clock_timestamp(), 'erase', '依法删除', 'erased by law');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER assessment_erased BEFORE UPDATE OR DELETE ON assessment FOR EACH ROW
    WHEN (current_setting('shouwang.erasing', true) = 'yes') EXECUTE FUNCTION erase_signed_assessment();
ALTER TABLE assessment_event DROP CONSTRAINT assessment_event_action_check,
    ADD CONSTRAINT assessment_event_action_check
    CHECK (action IN ('begin', 'sign', 'confirm', 'object', 'discard', 'erase'));
INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en) VALUES
    ('ladder_grade', 'anonymise', 3, $$why = ''$$,
     '民法典第一百八十八条，诉讼时效三年：谁被按何策略呼叫；文字删除',
     'Civil Code article 188, limitation of three years: who was called by which ladder; words go')
ON CONFLICT (relation) DO NOTHING;
