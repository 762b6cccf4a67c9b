// Goes back to the family's page as soon as there is a connection again.
async function again() {
  try {
    const answer = await fetch("/family-app/manifest.webmanifest", { cache: "no-store" });
    if (answer.ok) location.replace("/family");
  } catch { /* still none */ }
}
setInterval(again, 5000);
addEventListener("online", again);
