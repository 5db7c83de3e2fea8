/** The words and the colour of the page: the easiest things to change in a first deploy of your own. */
export const content = {
  title: 'Guestbook',
  greeting: 'Glad you are here. Leave a line for whoever comes next.',
  button: 'Sign the guestbook',
  /** Hue of the accent colour, in degrees: 160 green, 265 violet, 25 orange. */
  hue: 160,
};
