import type { Pool } from 'pg';

/** Schemas that the queries below work with: they need "caption" (2), and nothing that the migration after it takes away (3). */
export const CODE_RANGE = { min: 2, max: 3 };

export interface Photo {
  id: string;
  author: string;
  caption: string;
  /** Name in the uploads folder. */
  file: string;
  at: string;
}

/** Newest first. */
export async function latestPhotos(db: Pool, limit: number): Promise<Photo[]> {
  const { rows } = await db.query<Photo>('SELECT id, author, caption, file, at FROM photos ORDER BY id DESC LIMIT $1', [limit]);
  return rows;
}

export async function addPhoto(db: Pool, { author, caption, file }: Omit<Photo, 'id' | 'at'>): Promise<void> {
  await db.query('INSERT INTO photos (author, caption, file) VALUES ($1, $2, $3)', [author, caption, file]);
}
