-- The lists behind the figures begin with the newest alert, whatever its month.

CREATE INDEX figure_alert_newest ON figure_alert (raised_at DESC, alert_id DESC);
