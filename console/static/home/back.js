// A page beside the call for help goes back to it by itself: whoever walked away finds the button again.
const BACK_MS = 120000;
setTimeout(() => location.replace(document.body.dataset.back), BACK_MS);
