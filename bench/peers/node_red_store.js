// Body of the function node: msg.payload is an array of messages; their rows go in as columns, by one INSERT.
const pool = global.get("pool");
const times = [], ids = [], values = [];
for (const message of msg.payload) {
    for (const series of message.series) {
        for (let i = 0; i < series.values.length; i++) {
            times.push((message.base + series.offsets[i]) / 1000);
            ids.push(series.id);
            values.push(series.values[i]);
        }
    }
}
pool.query({
    name: "store",
    text: "INSERT INTO reading_row (time, series_id, value) SELECT to_timestamp(t), s, v"
        + " FROM unnest($1::float8[], $2::int[], $3::real[]) AS one (t, s, v)",
    values: [times, ids, values].map(column => "{" + column.join() + "}"),
}).then(() => node.done(), error => node.error(error, msg));
