import { copying } from "./copy";
import { keys } from "./keys";
import { rules } from "./rules";

copying();
keys();
rules();
