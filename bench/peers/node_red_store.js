// Body of the function node: msg.payload is an array of frames, the rows go in by one COPY.
const pool = global.get("pool"), copyFrom = global.get("copyFrom");
const lines = [];
for (const frame of msg.payload) {
    for (const series of frame.series) {
        for (let i = 0; i < series.values.length; i++) {
            const time = new Date(frame.base + series.offsets[i]).toISOString();
            lines.push(time + "\t" + series.id + "\t" + series.values[i] + "\n");
        }
    }
}
pool.connect().then(client => {
    const stream = client.query(copyFrom("COPY reading (time, series_id, value) FROM STDIN"));
    stream.on("error", error => { client.release(error); node.error(error, msg); });
    stream.on("finish", () => { client.release(); node.done(); });
    stream.end(lines.join(""));
}, error => node.error(error, msg));
