export const content = {
  title: 'Guestbook',
  greeting: 'Hello',
  hue: 160,
};
