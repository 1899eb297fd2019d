// Which screen a section shows.
import type { JSX } from "preact";
import { Routes } from "./routes.tsx";

export const SCREENS: Record<string, () => JSX.Element> = {
  routes: Routes,
};
