/** For pages whose only script is this: times in the reader's time zone. */

import { localizeTimes } from "./messages.js";

localizeTimes(document);
