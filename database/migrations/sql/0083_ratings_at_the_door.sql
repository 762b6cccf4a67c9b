-- A rating on the carer's own telephone is told apart from one on the resident's or the family's.
ALTER TABLE work_order_rating
    DROP CONSTRAINT work_order_rating_rated_by_check,
    ADD CONSTRAINT work_order_rating_rated_by_check CHECK (rated_by IN ('resident', 'family', 'door'));
