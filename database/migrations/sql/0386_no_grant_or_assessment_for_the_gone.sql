-- Behind care_services.core.facts (check_here), as in 0340: an application or an assessment is not begun for who is gone.
-- What was entered before goes on: a person decides on arrears, and what was assessed in their lifetime is signed.

CREATE TRIGGER grant_application_of_the_living AFTER INSERT ON grant_application REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone(
        $$x.state = 'waiting' AND x.applied_at >= r.gone_on::timestamp AT TIME ZONE 'Asia/Shanghai'$$);
CREATE TRIGGER assessment_of_the_living AFTER INSERT ON assessment REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone($$x.state = 'draft'$$);
