// The carer's own page: times run down.
import { runCountdowns } from "./countdown.js";

document.addEventListener("page:ready", runCountdowns);
document.addEventListener("page:renewed", runCountdowns);
runCountdowns();
