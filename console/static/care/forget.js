// The page of the login comes after every logout: what was loaded for the day is not left on a shared tablet.
import { forget } from "/static/care/day.js";

forget();
