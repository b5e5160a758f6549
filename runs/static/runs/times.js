/** For pages that only have moments to put into the reader's time zone. */

import { localTimes } from "./words.js";

localTimes(document);
