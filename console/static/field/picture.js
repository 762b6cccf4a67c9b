// A photo before it is sent: shown, deletable, and made small on the telephone, because a poor line carries it.
const LONGEST = 1600;
const QUALITY = 0.82;
const blobs = new WeakMap();

async function small(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

function clear(place) {
  blobs.delete(place);
  place.querySelector("input").value = "";
  place.querySelector("[data-preview]").hidden = true;
}

async function chosen(place) {
  const [file] = place.querySelector("input").files;
  if (!file) { clear(place); return; }
  const preview = place.querySelector("[data-preview]");
  try {
    const canvas = await small(file);
    const shown = preview.querySelector("canvas");
    shown.width = canvas.width;
    shown.height = canvas.height;
    shown.getContext("2d").drawImage(canvas, 0, 0);
    preview.hidden = false;
    blobs.set(place, await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); }));
  } catch { blobs.set(place, file); } // no picture that this browser knows: the platform says what is wrong with it
}

// The picture of a form, ready to be sent; null without one.
export async function pictureOf(form) {
  const place = form.querySelector("[data-picture]");
  if (!place) return null;
  if (place.dataset.busy) await new Promise((resolve) => { place.addEventListener("ready", resolve, { once: true }); });
  return blobs.get(place) ?? null;
}

export function watchPictures() {
  for (const place of document.querySelectorAll("[data-picture]")) {
    if (place.dataset.watched) continue;
    place.dataset.watched = "1";
    place.querySelector("input").addEventListener("change", async () => {
      place.dataset.busy = "1";
      await chosen(place);
      delete place.dataset.busy;
      place.dispatchEvent(new Event("ready"));
    });
    place.querySelector("[data-drop]").addEventListener("click", () => clear(place));
  }
}
