// Icons as paths on a grid of 16, drawn in the text's colour.
import type { JSX } from "preact";

const PATHS = {
  overview: "M2 2h5v6H2zM9 2h5v4H9zM2 10h5v4H2zM9 8h5v6H9z",
  routes: "M3 3h4v4H3zM9 9h4v4H9zM7 5h4v4M9 11H5V7",
  moves: "M2 5h5v6H2zM9 8h5M11.500 5.500 14 8l-2.500 2.500",
  changes: "M8 2v12M4 5a2 2 0 1 1 0 .1M12 11a2 2 0 1 1 0 .1M4 7v2a2 2 0 0 0 2 2h4",
  explain: "M8 14a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM6.2 6.2c0-2.4 3.7-2.3 3.7 0 0 1.5-1.9 1.6-1.9 3M8 11.3v.2",
  sites: "M2 3h12v4H2zM2 9h12v4H2zM5 5h.1M5 11h.1",
  spool: "M8 2 2 5l6 3 6-3zM2 8l6 3 6-3M2 11l6 3 6-3",
  flow: "M1 8h3l2-5 4 10 2-5h3",
  trace: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM11 11l3.500 3.500",
  directory: "M3 2h9a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H3zM3 2v12M8 5.500h2.500M8 8h2.500",
  people: "M6 7.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM1.500 14c0-5 9-5 9 0M11 7a2 2 0 1 0-.5-3.900M14.500 13c0-2-1-3-2.700-3.500",
  audit: "M8 1.500 3 3.500v4c0 3.500 2 5.500 5 7 3-1.500 5-3.500 5-7v-4zM6 8l1.500 1.500L10.500 6.500",
  alerts: "M8 2a4 4 0 0 0-4 4v3l-1.500 3h11L12 9V6a4 4 0 0 0-4-4zM6.500 14h3",
  settings: "M2 4h7M13 4h1M2 12h1M7 12h7M11 6a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM5 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM2 8h12",
  cross: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.500 6.500 12 13 4.500",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  menu: "M2 4h12M2 8h12M2 12h12",
  pause: "M5 3v10M11 3v10",
  play: "M5 3l8 5-8 5z",
  refresh: "M13 8a5 5 0 1 1-1.500-3.500L13 6M13 2.500V6H9.500",
  warning: "M8 2 1.500 13.500h13zM8 6.500V10M8 11.800v.2",
  copy: "M5 5h9v9H5zM2 11V2h9",
  plus: "M8 3v10M3 8h10",
  moon: "M13 10A6 6 0 0 1 6 3a5.500 5.500 0 1 0 7 7z",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
