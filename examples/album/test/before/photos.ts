import type { Pool } from 'pg';

/** The release before: it writes "title", and does not mind the column that migration 2 adds. */
export const CODE_RANGE = { min: 1, max: 2 };

export interface Photo {
  id: string;
  author: string;
  caption: string;
  file: string;
  at: string;
}

export async function latestPhotos(db: Pool, limit: number): Promise<Photo[]> {
  const { rows } = await db.query<Photo>('SELECT id, author, title AS caption, file, at FROM photos ORDER BY id DESC LIMIT $1', [limit]);
  return rows;
}

export async function addPhoto(db: Pool, { author, caption, file }: Omit<Photo, 'id' | 'at'>): Promise<void> {
  await db.query('INSERT INTO photos (author, title, file) VALUES ($1, $2, $3)', [author, caption, file]);
}
