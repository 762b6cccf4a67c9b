-- Retention walks along the series: this index is used no longer, and it cost a little at every COPY.
DROP INDEX reading_time_brin;
